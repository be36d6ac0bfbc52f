// Calls GetUser with a client of nice-grpc as it comes.
import { createChannel, createClient } from 'nice-grpc';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { address, answerRounds, askedId } from '../support/engines/caller-process.ts';

const client = createClient(UserServiceDefinition, createChannel(address));
answerRounds(() => client.getUser({ id: askedId }));
