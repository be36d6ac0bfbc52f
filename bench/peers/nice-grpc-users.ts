// nice-grpc with its own server.
import { createServer } from 'nice-grpc';
import { definition, handlers } from './nice-grpc-handlers.ts';
import { reportReady } from './users-in-memory.ts';

const server = createServer();
server.add(definition, handlers);
reportReady(await server.listen('127.0.0.1:0'));
