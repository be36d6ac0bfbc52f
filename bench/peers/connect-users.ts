// connect-node with gRPC on node:http2, messages of protobuf-es, and all users in memory.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createFileRegistry, type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf';
import type { GenMessage, GenService } from '@bufbuild/protobuf/codegenv2';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { User } from '#gen/user/v1/user.ts';
import { all, reportReady } from './users-in-memory.ts';

type UserService = GenService<{
  getUser: { methodKind: 'unary'; input: GenMessage<Message & { id: string }>; output: DescMessage };
  listUsers: { methodKind: 'server_streaming'; input: DescMessage; output: DescMessage };
}>;

const descriptors = readFileSync(new URL('../../gen/descriptors.binpb', import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const service = registry.getService('user.v1.UserService') as UserService | undefined;
const schema = registry.getMessage('user.v1.User');
if (!service || !schema) throw new Error('gen/descriptors.binpb has no user.v1.UserService: run "make gen"');

const messages = all.map((user) => fromBinary(schema, User.encode(user).finish()));
const byId = new Map(all.map((user, index) => [user.id, messages[index]]));

const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(service, {
      getUser({ id }) {
        const user = byId.get(id);
        if (!user) throw new ConnectError(`user ${id} not found`, Code.NotFound);
        return user;
      },
      async *listUsers() {
        for (const message of messages) yield message;
      },
    }),
});
const server = createServer({ settings: { maxConcurrentStreams: 1_000 } }, handler);
server.listen(0, '127.0.0.1', () => reportReady((server.address() as AddressInfo).port));
