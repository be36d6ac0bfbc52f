import { describe } from 'vitest';
import { tlsRotationSuite } from '../suite/tls/rotation.suite.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => tlsRotationSuite(grpcJsEngine));
