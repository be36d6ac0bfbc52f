// A bare grpc-js server: generated stubs, no policies, all users in memory.
import { once } from 'node:events';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { type UserServiceServer, UserServiceService } from '../../gen/grpc-js/user/v1/user.ts';
import { collectOnSignal } from './collect-garbage.ts';
import { all, byId, reportReady } from './users-in-memory.ts';

const handlers: Pick<UserServiceServer, 'getUser' | 'listUsers'> = {
  getUser(call, callback) {
    const user = byId.get(call.request.id);
    if (user) callback(null, user);
    else callback({ code: status.NOT_FOUND });
  },
  async listUsers(call) {
    for (const user of all) {
      if (!call.write(user)) await once(call, 'drain');
    }
    call.end();
  },
};

const { getUser, listUsers } = UserServiceService;
collectOnSignal();
const server = new Server();
server.addService({ getUser, listUsers }, { ...handlers });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  reportReady(port);
});
