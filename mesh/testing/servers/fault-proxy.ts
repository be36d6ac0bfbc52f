import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `requests` are the bytes from clients to the server, `replies` those back. */
export type Direction = 'requests' | 'replies';

interface LinkFaults {
  /** Delay of each byte in each direction, in milliseconds. Default: 0. */
  latencyMs: number;
  /** Maximum rate of each connection in each direction. Default: no limit. */
  bytesPerSecond: number;
  /** Cuts each connection after this many bytes from the server, often in the middle of a message. Default: never. */
  cutAfterBytes: number;
}

interface ProxyOptions extends Partial<LinkFaults> {
  /** The port to listen on. Default: any free one. */
  readonly port?: number;
}

const noFaults: LinkFaults = {
  latencyMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  cutAfterBytes: Number.POSITIVE_INFINITY,
};

/** Listens on 127.0.0.1 and forwards everything to a local port. */
export async function startFaultProxy(targetPort: number, options: ProxyOptions = {}): Promise<FaultProxy> {
  const { port = 0, ...faults } = options;
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return new FaultProxy(server, targetPort, { ...noFaults, ...faults });
}

/** A TCP proxy in front of a server that has the faults of a network. They may change at any time. */
export class FaultProxy implements LinkFaults, AsyncDisposable {
  readonly port: number;
  latencyMs: number;
  bytesPerSecond: number;
  cutAfterBytes: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target: number;
  #holes: readonly Direction[] = [];
  #accepted = 0;

  constructor(server: Server, targetPort: number, faults: LinkFaults) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#target = targetPort;
    ({ latencyMs: this.latencyMs, bytesPerSecond: this.bytesPerSecond, cutAfterBytes: this.cutAfterBytes } = faults);
    server.on('connection', (client) => {
      this.#accepted += 1;
      const link = new Link(client, this.#target, this, this.#holes);
      this.#links.add(link);
      client.on('close', () => this.#links.delete(link));
    });
  }

  /** How many connections are open. */
  get open(): number {
    return this.#links.size;
  }

  /** How many connections there have been. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Routes new connections to another local port, past a black hole. Existing connections stay as they are. */
  routeTo(port: number): void {
    this.#target = port;
    this.#holes = [];
  }

  /** Closes all connections. */
  cut(): void {
    for (const link of this.#links) link.close();
  }

  /** Resets all connections (RST). */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /**
   * Passes nothing in this direction, by default in both, and closes nothing, like a machine that disappeared. New connections
   * are accepted and hang. Bytes wait in the kernel's buffers, as they would for a retransmission: `heal` delivers them.
   */
  blackHole(direction?: Direction): void {
    this.#setHoles(direction ? [...this.#holes, direction] : ['requests', 'replies']);
  }

  /** Ends all faults. Connections that are still open continue. */
  heal(): void {
    Object.assign(this, noFaults);
    this.#setHoles([]);
  }

  #setHoles(holes: readonly Direction[]): void {
    this.#holes = holes;
    for (const link of this.#links) link.setHoles(holes);
  }

  /** Stops listening and closes all connections. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }
}

/** The connection of one client, with its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #target: number;
  readonly #faults: LinkFaults;
  #server: Socket | undefined;
  #flows: readonly Flow[] = [];

  constructor(client: Socket, target: number, faults: LinkFaults, holes: readonly Direction[]) {
    this.#client = client;
    this.#target = target;
    this.#faults = faults;
    client.on('error', () => this.reset());
    this.setHoles(holes);
  }

  setHoles(holes: readonly Direction[]): void {
    if (!this.#server && !holes.includes('requests')) this.#connect();
    for (const flow of this.#flows) flow.setHoled(holes.includes(flow.direction));
  }

  #connect(): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    server.on('error', () => this.reset());
    this.#server = server;
    this.#flows = [
      new Flow('requests', this.#client, server, this.#faults),
      new Flow('replies', server, this.#client, this.#faults),
    ];
  }

  close(): void {
    this.#client.destroy();
    this.#server?.destroy();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }
}

/** Maximum that a flow holds back for its latency or its rate. */
const maxHeldBytes = 1024 * 1024;
/** Pieces of a limited rate, so a large chunk does not pass in one burst. */
const piecesPerSecond = 50;

/** One direction of a link. */
class Flow {
  readonly direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: LinkFaults;
  #waiting: { readonly piece: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #passedBytes = 0;
  /** When the rate allows the next piece. */
  #freeMs = 0;
  #isHoled = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(direction: Direction, from: Socket, to: Socket, faults: LinkFaults) {
    this.direction = direction;
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    from.on('data', (chunk: Buffer) => this.#hold(chunk));
    from.on('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    from.on('close', () => {
      if (!this.#hasEnded) to.destroySoon();
    });
    to.on('drain', () => this.#pump());
    to.on('close', () => clearTimeout(this.#timer));
  }

  setHoled(isHoled: boolean): void {
    this.#isHoled = isHoled;
    this.#pump();
  }

  #hold(chunk: Buffer): void {
    const { latencyMs, bytesPerSecond } = this.#faults;
    const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / piecesPerSecond));
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      const piece = chunk.subarray(start, start + pieceBytes);
      this.#freeMs = Math.max(performance.now(), this.#freeMs) + (piece.length / bytesPerSecond) * 1_000;
      this.#waiting.push({ piece, dueMs: this.#freeMs + latencyMs });
      this.#heldBytes += piece.length;
    }
    this.#pump();
  }

  /** Passes what is due, and reads more if there is room. */
  #pump(): void {
    clearTimeout(this.#timer);
    for (let next = this.#waiting[0]; next && !this.#isBlocked; next = this.#waiting[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        break;
      }
      this.#waiting.shift();
      this.#pass(next.piece);
    }
    if (this.#hasEnded && this.#waiting.length === 0 && !this.#isHoled) this.#to.end();
    if (this.#isBlocked || this.#heldBytes > maxHeldBytes) this.#from.pause();
    else this.#from.resume();
  }

  get #isBlocked(): boolean {
    return this.#isHoled || this.#to.destroyed || this.#to.writableNeedDrain;
  }

  #pass(piece: Buffer): void {
    this.#heldBytes -= piece.length;
    const left =
      this.direction === 'replies' ? this.#faults.cutAfterBytes - this.#passedBytes : Number.POSITIVE_INFINITY;
    this.#passedBytes += piece.length;
    this.#to.write(piece.subarray(0, left));
    if (piece.length < left) return;
    this.#waiting = [];
    this.#from.destroy();
  }
}
