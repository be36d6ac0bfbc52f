/** Headers of one connection (RFC 9110, section 7.6.1). */
export const connectionHeaders = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
