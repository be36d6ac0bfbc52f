// @ordermesh/grpc as its users run it: the program of nice-grpc-users.ts with another import.
import { createServer } from '../../packages/grpc/src/index.ts';
import { definition, handlers } from './nice-grpc-handlers.ts';
import { reportReady } from './users-in-memory.ts';

const server = createServer();
server.add(definition, handlers);
reportReady(await server.listen('127.0.0.1:0'));
