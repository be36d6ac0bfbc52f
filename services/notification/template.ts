import { unknownTemplate } from './errors.ts';

/** The messages that orders cause. */
export type OrderTemplate = 'order-placed' | 'order-completed' | 'order-failed' | 'order-cancelled';

/** What a template may speak of; what is not known is left out. */
export interface TemplateData {
  readonly name: string;
  readonly orderId: string;
  /** Why an order failed or was cancelled. */
  readonly message: string;
}

/** A message ready to be sent. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

type Template = (data: TemplateData) => MailText;

const templates: ReadonlyMap<string, Template> = new Map<string, Template>([
  ['welcome', (data) => letter('Welcome', data, 'good to have you with us.')],
  [
    'order-placed',
    (data) => letter(`Your order ${data.orderId} is placed`, data, 'we have your order and are working on it.'),
  ],
  [
    'order-completed',
    (data) => letter(`Your order ${data.orderId} is on its way`, data, 'your order is paid and handed to the carrier.'),
  ],
  [
    'order-failed',
    (data) =>
      letter(`Your order ${data.orderId} could not be completed`, data, `you do not pay for it.${because(data)}`),
  ],
  [
    'order-cancelled',
    (data) => letter(`Your order ${data.orderId} is cancelled`, data, `you do not pay for it.${because(data)}`),
  ],
]);

/** Writes the message of a template. INVALID_ARGUMENT `UNKNOWN_TEMPLATE` when there is none with this name. */
export function writeMail(template: string, data: TemplateData): MailText {
  const write = templates.get(template);
  if (!write) throw unknownTemplate({ template, known: [...templates.keys()] });
  return write(data);
}

function letter(subject: string, { name }: TemplateData, text: string): MailText {
  return { subject, text: `Hello${name === '' ? '' : ` ${name}`},\n\n${text}\n` };
}

function because({ message }: TemplateData): string {
  return message === '' ? '' : ` The reason: ${message}`;
}
