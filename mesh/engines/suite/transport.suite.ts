import type { Engine } from '../engine.ts';
import { callSuite } from './transport/calls.ts';
import { streamSuite } from './transport/streams.ts';
import { unsentSuite } from './transport/unsent.ts';

/** The tests that the transport of every engine passes. */
export function transportSuite(engine: Engine): void {
  callSuite(engine);
  streamSuite(engine);
  unsentSuite(engine);
}
