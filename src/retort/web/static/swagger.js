// Shows the server's own OpenAPI document; nothing is fetched from elsewhere.
SwaggerUIBundle({ url: "/api/openapi.json", dom_id: "#swagger", validatorUrl: null, deepLinking: true });
