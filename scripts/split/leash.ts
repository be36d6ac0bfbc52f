import cluster from 'node:cluster';
import { Socket } from 'node:net';

// Preloaded by the processes of a split mesh: when their supervisor is killed, they drain like after SIGTERM.

let isEnding = false;
process.on('SIGTERM', () => {
  isEnding = true;
  // A program that does not listen to signals yet has opened nothing.
  if (process.listenerCount('SIGTERM') === 1) process.exit(0);
});

function drain(): void {
  // A second signal would cut off what is drained.
  if (!isEnding) process.kill(process.pid, 'SIGTERM');
}

if (cluster.worker) {
  // Otherwise Node ends a worker immediately when its channel to the supervisor closes.
  cluster.worker.exitedAfterDisconnect = true;
  process.once('disconnect', drain);
  // A gateway is in the process group of the supervisor, which drains it when the terminal closes.
  process.on('SIGHUP', () => undefined);
} else {
  // Descriptor 3 is a pipe to the supervisor.
  const supervisor = new Socket({ fd: 3, readable: true, writable: false });
  supervisor.on('error', () => undefined);
  supervisor.once('close', drain);
  supervisor.resume();
  supervisor.unref();
}
