import { describe } from 'vitest';
import { serverHostSuite } from '../suite/server-host.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on native', () => serverHostSuite(nativeEngine));
