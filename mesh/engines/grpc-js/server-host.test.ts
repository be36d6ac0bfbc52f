import { describe } from 'vitest';
import { serverHostContract } from '../server-host-contract.ts';
import { grpcJsEngine } from './engine.ts';

describe('on grpc-js', () => serverHostContract(grpcJsEngine));
