import { describe } from 'vitest';
import { transportContract } from '../suites/transport.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on HTTP/2 of our own', () => transportContract(nativeEngine));
