import { describe } from 'vitest';
import { transportContract } from '../suites/transport.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => transportContract(grpcJsEngine));
