// Four empty steps on Restate: the least that an order needs there. PORT: where the server of Restate reaches it.
import * as restate from '@restatedev/restate-sdk';

const steps = ['reserve', 'charge', 'ship', 'commit'];
const order = restate.service({
  name: 'order',
  handlers: {
    place: async (context) => {
      for (const step of steps) await context.run(step, async () => 'ok');
      return 'COMPLETED';
    },
  },
});
await restate.serve({ services: [order], port: Number(process.env.PORT) });
console.log('ready');
