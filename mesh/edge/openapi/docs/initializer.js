// A file of its own, because the page allows no inline script.
window.ui = window.SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  // The token of Authorize is gone with the page.
  persistAuthorization: false,
  tryItOutEnabled: true,
  // The schemas are below the operations too.
  defaultModelsExpandDepth: 0,
  // It would send the document to a validator on the internet.
  validatorUrl: null,
});
