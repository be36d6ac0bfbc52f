import { describe } from 'vitest';
import { transportSuite } from '../suite/transport.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => transportSuite(grpcJsEngine));
