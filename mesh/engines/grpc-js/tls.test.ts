import { describe } from 'vitest';
import { tlsContract } from '../tls-contract.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => tlsContract(grpcJsEngine));
