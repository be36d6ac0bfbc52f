// The same user as JSON over HTTP/1.1, by Fastify with a response schema, its fastest way.
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { byId, reportReady } from './users-in-memory.ts';

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const properties = { id: text, name: text, email: text, role: text, createTime: time, updateTime: time, etag: text };

const app = fastify();
app.get<{ Params: { id: string } }>(
  '/users/:id',
  { schema: { response: { 200: { type: 'object', properties } } } },
  async ({ params }, reply) => byId.get(params.id) ?? reply.code(404).send(),
);
await app.listen({ port: 0, host: '127.0.0.1' });
reportReady((app.server.address() as AddressInfo).port);
