import { Socket } from 'node:net';

// Preloaded by the processes of a split mesh. Descriptor 3 is a pipe to their supervisor: when it closes, because the supervisor
// was killed, the process drains like after SIGTERM.

const supervisor = new Socket({ fd: 3, readable: true, writable: false });
supervisor.on('error', () => undefined);
supervisor.once('close', () => process.kill(process.pid, 'SIGTERM'));
supervisor.resume();
supervisor.unref();
