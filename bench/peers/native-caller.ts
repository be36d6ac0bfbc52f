// Calls GetUser with the client of our engine, without the chain of a client.
import { Metadata } from 'nice-grpc-common';
import { engineByName } from '../../mesh/engines/engines.ts';
import { address, answerRounds, askedId } from '../support/engines/caller-process.ts';
import { getUserMethod } from '../support/engines/methods.ts';

const engine = await engineByName('native');
const transport = engine.connect(address);
const call = { metadata: new Metadata(), deadlineMs: undefined, signal: undefined };
answerRounds(() => transport.unary(getUserMethod, { id: askedId }, call));
