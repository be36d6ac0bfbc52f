// Calls GetUser with a default nice-grpc client.
import { createChannel, createClient } from 'nice-grpc';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { address, requestedId, runRounds } from '../support/engines/caller-process.ts';

const client = createClient(UserServiceDefinition, createChannel(address));
runRounds(() => client.getUser({ id: requestedId }));
