import { describe } from 'vitest';
import { nativeEngine } from '../native/engine.ts';
import { transportSuite } from '../suite/transport.suite.ts';
import { withInProcessCalls } from './engine.ts';

const engine = withInProcessCalls(nativeEngine);

describe('within a process', () => transportSuite({ ...engine, connect: engine.connectInProcess }));
