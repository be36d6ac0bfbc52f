import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/**
 * Connects with `openssl s_client`, which must be installed. `input` is sent to it; `Q` ends it.
 * Returns what it prints.
 */
export async function scan(port: number, options: readonly string[], input = 'Q\n'): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], { timeout: 10_000 });
  child.stdin.on('error', () => undefined);
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  // Session tickets of TLS 1.3 arrive after the handshake.
  const timer = setTimeout(() => child.stdin.end(input), 150);
  const [out, errors] = await printed;
  clearTimeout(timer);
  return `${out}\n${errors}`;
}
