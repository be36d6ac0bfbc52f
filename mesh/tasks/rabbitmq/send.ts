import type { ConfirmChannel, Options } from 'amqplib';

/** A message on its way to a queue. */
export interface Outgoing {
  readonly queue: string;
  readonly content: Uint8Array;
  readonly properties: Options.Publish;
}

/** Publishes a message and resolves when the broker has it durably; rejects when that is not known, or refused. */
export function send(channel: ConfirmChannel, { queue, content, properties }: Outgoing): Promise<void> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return new Promise((resolve, reject) => {
    channel.publish('', queue, bytes, { ...properties, mandatory: true }, (error: Error | null) =>
      error ? reject(error) : resolve(),
    );
  });
}
