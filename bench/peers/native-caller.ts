// Calls GetUser with the native engine's client, without the client pipeline.
import { Metadata } from 'nice-grpc-common';
import { engineByName } from '../../mesh/engines/engines.ts';
import { address, requestedId, runRounds } from '../support/engines/caller-process.ts';
import { getUserMethod } from '../support/engines/methods.ts';

const engine = await engineByName('native');
const transport = engine.connect(address);
const call = { metadata: new Metadata(), deadlineMs: undefined, signal: undefined };
runRounds(() => transport.unary(getUserMethod, { id: requestedId }, call));
