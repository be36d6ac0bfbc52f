// Calls GetUser with a default client of @ordermesh/grpc.
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { createChannel, createClient } from '../../packages/grpc/src/index.ts';
import { address, requestedId, runRounds } from '../support/engines/caller-process.ts';

const client = createClient(UserServiceDefinition, createChannel(address));
runRounds(() => client.getUser({ id: requestedId }));
