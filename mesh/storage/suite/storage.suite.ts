import { describe } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { afterCommitSuite } from './after-commit.ts';
import { channelSuite } from './channels.ts';
import { checkSuite } from './checks.ts';
import { commitGroupSuite } from './commit-groups.ts';
import { concurrencySuite } from './concurrency.ts';
import { lifeSuite } from './life.ts';
import { migrationSuite } from './migrations.ts';
import { signalSuite } from './signals.ts';
import { transactionSuite } from './transactions.ts';
import { valueSuite } from './values.ts';

/** The tests that every `Storage` passes. */
export function storageSuite(newUrl: NewDatabaseUrl): void {
  describe('a transaction', () => transactionSuite(newUrl));
  describe('many transactions at the same time', () => concurrencySuite(newUrl));
  describe('a commit group', () => commitGroupSuite(newUrl));
  describe('an action after a commit', () => afterCommitSuite(newUrl));
  describe('a signal', () => signalSuite(newUrl));
  describe('a value', () => valueSuite(newUrl));
  describe('a migration', () => migrationSuite(newUrl));
  describe('a channel', () => channelSuite(newUrl));
  describe('a check', () => checkSuite(newUrl));
  describe('a storage', () => lifeSuite(newUrl));
}
