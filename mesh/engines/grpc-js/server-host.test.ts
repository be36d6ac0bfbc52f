import { describe } from 'vitest';
import { serverHostContract } from '../suites/server-host.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => serverHostContract(grpcJsEngine));
