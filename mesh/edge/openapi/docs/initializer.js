// A file of its own, because the page allows no inline script.
const signIn = document.querySelector('#sign-in');
const problem = document.querySelector('#problem');

// Where calls are authenticated, the document is for known callers.
async function open(token) {
  const response = await fetch('/api/openapi.json', token ? { headers: { authorization: `Bearer ${token}` } } : {});
  const answer = await response.json();
  if (!response.ok) return ask(answer.reason === 'UNAUTHENTICATED' ? '' : answer.detail);
  signIn.hidden = true;
  return show(answer, token);
}

function ask(why) {
  signIn.hidden = false;
  problem.textContent = why;
}

function show(spec, token) {
  const ui = window.SwaggerUIBundle({
    spec,
    dom_id: '#swagger-ui',
    deepLinking: true,
    displayRequestDuration: true,
    // The token is gone with the page.
    persistAuthorization: false,
    tryItOutEnabled: true,
    // The schemas are below the operations too.
    defaultModelsExpandDepth: 0,
    // It would send the document to a validator on the internet.
    validatorUrl: null,
    onComplete: () => token && ui.preauthorizeApiKey('bearerAuth', token),
  });
}

signIn.addEventListener('submit', (event) => {
  event.preventDefault();
  open(signIn.elements.token.value.trim()).catch(ask);
});
open('').catch(ask);
