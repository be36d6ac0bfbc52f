import { User } from '../../../gen/ts/user/v1/user.ts';
import { runApp } from '../../app/run-app.ts';
import { echoService } from '../../server/testing/echo-service.ts';
import { testService } from '../../testing/test-service.ts';

// A process with one service, which answers with the address of the process.
const id = process.env.GRPC_LISTEN ?? '';
const answer = echoService({ one: async () => User.fromPartial({ id }) });
await runApp([testService('test', async () => ({ serves: [answer] }))]);
