import { defineError, Status } from '#mesh';

export const notificationNotFound = defineError({
  reason: 'NOTIFICATION_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no notification has this id',
  fix: 'check the id',
  text: ({ notificationId }: { readonly notificationId: string }) =>
    `notification "${notificationId}" not found: check its id`,
});

export const unknownTemplate = defineError({
  reason: 'UNKNOWN_TEMPLATE',
  code: Status.INVALID_ARGUMENT,
  means: 'no mail template has this name',
  fix: 'fix the program that queued the mail',
  text: ({ template, known }: { readonly template: string; readonly known: readonly string[] }) =>
    `mail template ${JSON.stringify(template)} not found: use one of ${known.join(', ')}`,
  metadata: () => ({}),
});

export const unknownRecipient = defineError({
  reason: 'UNKNOWN_RECIPIENT',
  code: Status.INVALID_ARGUMENT,
  means: 'the user no longer exists',
  fix: 'discard the dead letter',
  text: ({ userId }: { readonly userId: string }) =>
    `user "${userId}" no longer exists: discard the event, or create the user and redrive it`,
});

export const badRecipient = defineError({
  reason: 'BAD_RECIPIENT',
  code: Status.INVALID_ARGUMENT,
  means: 'the recipient is not a valid mail address',
  fix: "change the user's address and redrive the dead letter",
  text: ({ to }: { readonly to: string }) =>
    `${JSON.stringify(to)} is not a valid mail address: fix it and send the job again`,
  metadata: () => ({}),
});

export const mailRefused = defineError({
  reason: 'MAIL_REFUSED',
  code: Status.FAILED_PRECONDITION,
  means: 'the mail server refused this mail permanently',
  fix: 'if the server was wrong, redrive the dead letter; the address is that of the time of the order, so discard it otherwise',
  text: ({ to, answer }: { readonly to: string; readonly answer: string }) =>
    `mail server refused the mail to ${to} permanently: ${answer}; redrive it if the server was wrong, otherwise discard it: a redrive sends the same mail to the same address`,
  publicText:
    'mail server refused the mail permanently: redrive it if the server was wrong, otherwise discard it: a redrive sends the same mail to the same address',
  metadata: () => ({}),
});

export const mailNotPermitted = defineError({
  reason: 'MAIL_NOT_PERMITTED',
  code: Status.PERMISSION_DENIED,
  means: 'the mail server accepts no mail from this installation',
  fix: 'fix the user, the password or the sender in `MAIL_URL`',
  text: ({ answer }: { readonly answer: string }) =>
    `mail server accepts no mail from this installation: ${answer}; fix user, password or sender in MAIL_URL (mails wait)`,
  publicText: 'mail server accepts no mail from this installation: it waits until its operator has fixed that',
  metadata: () => ({}),
});

export const mailUnavailable = defineError({
  reason: 'MAIL_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the mail server cannot be reached or accepts no mail now',
  fix: 'nothing: the mail is retried; if it lasts, check `MAIL_URL`',
  text: ({ problem }: { readonly problem: string }) =>
    `mail could not be sent: ${problem}; it is retried; if that lasts, check MAIL_URL`,
  publicText: 'mail could not be sent: it is retried',
  metadata: () => ({}),
});
