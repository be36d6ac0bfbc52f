import { MessageQueue } from '../native/grpc/message-queue.ts';
import { runWithRequests } from '../native/grpc/server/run-handler.ts';
import { requestFaultOf } from '../request-fault.ts';
import { InProcessCall } from './call.ts';
import type { HostedMethod, InProcessStart } from './call-start.ts';
import type { InProcessTools } from './client-half.ts';
import { inNextTurn } from './next-turn.ts';
import { SendWindow } from './send-window.ts';

/** A call with a stream of requests: client or bidirectional streaming. Its handler starts before the first. */
export class ManyRequestsCall extends InProcessCall {
  readonly requestBytes = 0;
  readonly #requests: MessageQueue<unknown>;
  readonly #window = new SendWindow(() => this.listener.onRoom());

  constructor(hosted: HostedMethod, start: InProcessStart, fields: readonly string[], tools: InProcessTools) {
    super(hosted, start, fields, tools);
    this.#requests = new MessageQueue<unknown>(
      () => undefined,
      (message) => this.decode(message as Uint8Array),
      (bytes) => this.#window.processed(bytes),
      () => undefined,
    );
    inNextTurn(() => this.#begin());
  }

  get hasRoom(): boolean {
    return this.#window.isOpen;
  }

  finish(): void {
    this.#requests.finish(undefined);
  }

  protected receive(request: Uint8Array): void {
    const bytes = this.#window.send(request);
    this.#requests.push(request);
    this.#requests.received(bytes);
  }

  protected override refuse(error: unknown): void {
    this.requestFault = requestFaultOf(error);
    super.refuse(error);
  }

  protected override abandon(reason: unknown): void {
    this.#requests.finish(new DOMException('the call ended before its requests did', 'AbortError'));
    super.abandon(reason);
  }

  #begin(): void {
    if (this.isOver) return;
    this.begun = true;
    runWithRequests(this, this.hosted.handler, this.#requests);
  }
}
