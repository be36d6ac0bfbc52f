import { describe } from 'vitest';
import { tlsContract } from '../suites/tls.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => tlsContract(grpcJsEngine));
