import { describe } from 'vitest';
import { serverHostContract } from '../suites/server-host.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on HTTP/2 of our own', () => serverHostContract(nativeEngine));
