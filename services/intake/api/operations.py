"""What the routes of this service are called in its OpenAPI document: verbs that a program would call."""

from collections.abc import Mapping
from typing import Final

OPERATIONS: Final[Mapping[str, str]] = {
    "GET:/public/v1/code-lists": "listPublicEditions",
    "GET:/public/v1/code-lists/{edition}": "getPublicCodeLists",
    "GET:/public/v1/labels": "getPublicLabels",
    "GET:/v1/agencies": "listAgencies",
    "GET:/v1/agencies/{code}": "getAgency",
    "PUT:/v1/agencies/{code}": "enterAgency",
    "POST:/v1/agencies/{code}/disabling": "disableAgency",
    "POST:/v1/agencies/{code}/enabling": "enableAgency",
    "GET:/v1/agencies/{code}/keys": "listKeys",
    "POST:/v1/agencies/{code}/keys": "issueKey",
    "POST:/v1/agencies/{code}/keys/{key_id}/rotation": "rotateKey",
    "POST:/v1/agencies/{code}/keys/{key_id}/revocation": "revokeKey",
    "GET:/v1/applications": "listApplications",
    "GET:/v1/applications/{pilot}": "getApplication",
    "POST:/v1/applications/{pilot}/acceptance": "acceptApplication",
    "GET:/v1/applications/{pilot}/clock": "explainTerm",
    "DELETE:/v1/applications/{pilot}/contact": "eraseContacts",
    "GET:/v1/applications/{pilot}/contact": "readContacts",
    "GET:/v1/applications/{pilot}/contact/readings": "listContactReadings",
    "POST:/v1/applications/{pilot}/return": "returnApplication",
    "POST:/v1/applications/{pilot}/stop": "stopApplication",
    "GET:/v1/editions": "listEditions",
    "GET:/v1/editions/{edition}": "getEdition",
    "POST:/v1/events": "publishEvents",
    "POST:/v1/events/validate": "validateEvents",
    "GET:/v1/receipts": "listReceipts",
    "GET:/v1/receipts/{event_id}": "getReceipt",
    "GET:/v1/rule-counts": "countBrokenRules",
    "GET:/v1/contracts": "listContracts",
    "GET:/v1/contracts/{type}": "getContract",
}
