import { describe } from 'vitest';
import { grpcJsEngine } from '../grpc-js/engine.ts';
import { nativeEngine } from '../native/engine.ts';
import { transportSuite } from '../suite/transport.suite.ts';
import { withInProcessCalls } from './engine.ts';

describe.each([nativeEngine, grpcJsEngine].map(withInProcessCalls))('within a process on $name', (engine) =>
  transportSuite({ ...engine, connect: engine.connectInProcess }),
);
