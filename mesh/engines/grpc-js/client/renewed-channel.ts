import { type Channel, connectivityState } from '@grpc/grpc-js';

/** A channel for one call, until `release`. */
export interface HeldChannel {
  readonly channel: Channel;
  release(): void;
}

interface Counted {
  readonly channel: Channel;
  calls: number;
  isRetired: boolean;
}

/**
 * A channel that can be replaced: the new one gets the calls once it is connected, and the old one keeps
 * those that it has.
 */
export class RenewedChannel {
  readonly #create: () => Channel;
  #current: Counted;
  /** The one that is connecting. */
  #next: Channel | undefined;
  /** Whether it began before the last change. */
  #isStale = false;
  #isClosed = false;

  constructor(create: () => Channel) {
    this.#create = create;
    this.#current = counted(create());
  }

  hold(): HeldChannel {
    const held = this.#current;
    held.calls += 1;
    return {
      channel: held.channel,
      release() {
        held.calls -= 1;
        if (held.isRetired && held.calls === 0) held.channel.close();
      },
    };
  }

  /** Its connections are to be replaced by new ones. */
  renew(): void {
    // One that is idle has none.
    const { channel } = this.#current;
    if (this.#isClosed || channel.getConnectivityState(false) === connectivityState.IDLE) return;
    if (this.#next !== undefined) {
      this.#isStale = true;
      return;
    }
    this.#next = this.#create();
    this.#isStale = false;
    this.#await(this.#next);
  }

  /** Its connections take no further calls, whether new ones can be had or not. */
  leave(): void {
    if (this.#isClosed) return;
    this.#replaceBy(this.#next ?? this.#create());
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.close();
    this.#current.channel.close();
  }

  #await(next: Channel): void {
    const state = next.getConnectivityState(true);
    if (this.#isClosed || next !== this.#next) return;
    if (state === connectivityState.READY) this.#replaceBy(next);
    else next.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => this.#await(next));
  }

  #replaceBy(next: Channel): void {
    const old = this.#current;
    this.#next = undefined;
    this.#current = counted(next);
    old.isRetired = true;
    if (old.calls === 0) old.channel.close();
    if (this.#isStale) this.renew();
  }
}

function counted(channel: Channel): Counted {
  return { channel, calls: 0, isRetired: false };
}
