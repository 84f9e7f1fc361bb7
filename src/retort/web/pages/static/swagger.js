// Shows the server's own OpenAPI document; nothing is fetched from elsewhere.
"use strict";
const main = document.getElementById("swagger");
SwaggerUIBundle({ url: main.dataset.document, domNode: main, validatorUrl: null, deepLinking: true });
