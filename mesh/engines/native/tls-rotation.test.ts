import { describe } from 'vitest';
import { tlsRotationSuite } from '../suite/tls/rotation.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on native', () => tlsRotationSuite(nativeEngine));
