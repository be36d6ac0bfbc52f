import { describe } from 'vitest';
import { transportSuite } from '../suite/transport.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on native', () => transportSuite(nativeEngine));
