import { describe } from 'vitest';
import { transportContract } from '../transport-contract.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => transportContract(grpcJsEngine));
