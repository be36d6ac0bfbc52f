import { unknownTemplate } from './errors.ts';

/** The templates of mails about orders. */
export type OrderTemplate = 'order-placed' | 'order-completed' | 'order-failed' | 'order-cancelled';

/** Values for a template; unknown ones are empty. */
export interface TemplateData {
  readonly name: string;
  readonly orderId: string;
  /** Why an order failed or was cancelled. */
  readonly message: string;
}

/** A mail ready to be sent. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

type Template = (data: TemplateData) => MailText;

const templates: ReadonlyMap<string, Template> = new Map<string, Template>([
  ['welcome', (data) => compose('Welcome', data, 'good to have you with us.')],
  [
    'order-placed',
    (data) => compose(`Your order ${data.orderId} is placed`, data, 'we have your order and are working on it.'),
  ],
  [
    'order-completed',
    (data) =>
      compose(`Your order ${data.orderId} is on its way`, data, 'your order is paid and handed to the carrier.'),
  ],
  [
    'order-failed',
    (data) =>
      compose(`Your order ${data.orderId} could not be completed`, data, `you do not pay for it.${because(data)}`),
  ],
  [
    'order-cancelled',
    (data) => compose(`Your order ${data.orderId} is cancelled`, data, `you do not pay for it.${because(data)}`),
  ],
]);

/** Composes the mail of a template. Throws INVALID_ARGUMENT `UNKNOWN_TEMPLATE`. */
export function composeMail(template: string, data: TemplateData): MailText {
  const composeOne = templates.get(template);
  if (!composeOne) throw unknownTemplate({ template, known: [...templates.keys()] });
  return composeOne(data);
}

function compose(subject: string, { name }: TemplateData, text: string): MailText {
  return { subject, text: `Hello${name === '' ? '' : ` ${name}`},\n\n${text}\n` };
}

function because({ message }: TemplateData): string {
  return message === '' ? '' : ` The reason: ${message}`;
}
