import type { ConfirmChannel, Options } from 'amqplib';
import { taskRefused } from '../../errors.ts';

/** A message on its way to a queue. */
export interface Outgoing {
  /** The queue's name in RabbitMQ. */
  readonly queue: string;
  readonly content: Uint8Array;
  readonly properties: Options.Publish;
}

/**
 * Publishes a message and resolves when the broker has it durably; rejects when that is not known, or refused. What has no
 * form on the wire is INVALID_ARGUMENT `TASK_REFUSED`.
 */
export async function send(channel: ConfirmChannel, { queue, content, properties }: Outgoing): Promise<void> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const confirmed = Promise.withResolvers<void>();
  const onConfirm = (error: Error | null) => (error ? confirmed.reject(error) : confirmed.resolve());
  try {
    channel.publish('', queue, bytes, { ...properties, mandatory: true }, onConfirm);
  } catch (error) {
    // The encoder's: nothing was sent.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw taskRefused({ id: String(properties.messageId ?? ''), problem: error.message }, { cause: error });
    }
    throw error;
  }
  await confirmed.promise;
}
