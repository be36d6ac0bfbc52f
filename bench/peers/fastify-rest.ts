// A user service, and in front of it a route as one writes it by hand: Fastify with a response schema, its fastest way, and the
// same client of the mesh as the edge has.
import fastify from 'fastify';
import { Status } from 'nice-grpc-common';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, MeshError, runApp } from '#mesh';
import { userService } from '../../services/user/service.ts';

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const properties = { id: text, name: text, email: text, role: text, createTime: time, updateTime: time, etag: text };
const schema = { response: { 200: { type: 'object', properties } } };

const restService = defineService({
  name: 'rest',
  isStateless: true,
  async setup({ client }) {
    const users = client(UserServiceContract);
    const app = fastify();
    app.get<{ Params: { id: string } }>('/api/users/:id', { schema }, ({ params: { id } }) => users.getUser({ id }));
    app.setErrorHandler((error, _request, reply) => {
      const isMissing = error instanceof MeshError && error.code === Status.NOT_FOUND;
      return reply.code(isMissing ? 404 : 500).send({ error: 'failed' });
    });
    await app.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_HTTP_PORT) });
    return { serves: [] };
  },
});

await runApp([userService, restService], { only: ['user', 'rest'] });
