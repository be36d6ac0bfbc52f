import { describe } from 'vitest';
import { tlsSuite } from '../suite/tls.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => tlsSuite(grpcJsEngine));
