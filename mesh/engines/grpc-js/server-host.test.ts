import { describe } from 'vitest';
import { serverHostSuite } from '../suite/server-host.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => serverHostSuite(grpcJsEngine));
