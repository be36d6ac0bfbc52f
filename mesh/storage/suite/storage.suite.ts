import { describe } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { afterCommitContract } from './after-commit.ts';
import { channelContract } from './channels.ts';
import { checkContract } from './checks.ts';
import { laneContract } from './commit-groups.ts';
import { concurrencyContract } from './concurrency.ts';
import { lifeContract } from './life.ts';
import { migrationContract } from './migrations.ts';
import { signalContract } from './signals.ts';
import { transactionContract } from './transactions.ts';
import { valueContract } from './values.ts';

/** What every `Storage` promises, as tests in the suite that calls it. */
export function storageContract(newUrl: NewDatabaseUrl): void {
  describe('a transaction', () => transactionContract(newUrl));
  describe('with many at the same time', () => concurrencyContract(newUrl));
  describe('in a lane', () => laneContract(newUrl));
  describe('after a commit', () => afterCommitContract(newUrl));
  describe('with a signal', () => signalContract(newUrl));
  describe('a value', () => valueContract(newUrl));
  describe('a migration', () => migrationContract(newUrl));
  describe('a channel', () => channelContract(newUrl));
  describe('a check', () => checkContract(newUrl));
  describe('from opening to closing', () => lifeContract(newUrl));
}
