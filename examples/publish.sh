#!/bin/sh
# The same with curl: publishes an application, reads what becomes of it, and answers when it is asked something.
#
#     TOKEN=$(./lotsman token --role publisher --org vedomstvo-primer) sh examples/publish.sh vedomstvo-primer
#
# INTAKE says where intake is (http://127.0.0.1:8101). Needs curl and jq. An event that is sent again is known as the
# same, so this can be started again at any time.
set -eu

agency=$1
id=${2:-17-04-2026}
intake=${INTAKE:-http://127.0.0.1:8101}
every=${EVERY:-2}

# post EVENT: 201 is new, 200 the same again; anything else ends here with all that is wrong.
post() {
    answer=$(printf '%s' "$1" | curl -sS -w '\n%{http_code}' -X POST "$intake/v1/events" \
        -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/cloudevents+json' --data-binary @-)
    code=$(printf '%s\n' "$answer" | tail -n 1)
    body=$(printf '%s\n' "$answer" | sed '$d')
    case $code in
        200 | 201 | 409) ;; # 409: this id was used before, for an answer that is taken already
        *) printf '%s\n' "$body" | jq . >&2; exit 1 ;;
    esac
}

post "$(jq -n --arg agency "$agency" --arg id "$id" '{
    specversion: "1.0", id: $id, source: "/agencies/\($agency)", time: "2026-11-02T09:00:00Z",
    type: "pilots.agency.application-submitted.v2",
    data: {
        title: "Запись к врачу без очереди", sector: "health", own_number: "17-04",
        problem: "Пациенты ждут приёма до пяти дней.",
        solution: "Свободное время врачей видно всем поликлиникам города.",
        initiator: {id: {scheme: "BY-UNP", value: "790000029"}, name: "ООО «Пример-Разработка»"},
        customer: {id: {scheme: "BY-UNP", value: "790000016"}, name: "Поликлиника № 0 города Примерска"}
    }}')"

# how RECEIPT: where it stands, under which number, by when, and what is asked.
how() {
    printf '%s' "$1" | jq -r '[.status, .number, .due_at, .open_requests[]?.id] | map(select(. != null)) | join(" ")'
}

last=$(how "$body")
echo "$last"
while :; do
    receipt=$(curl -sS -f -H "Authorization: Bearer $TOKEN" "$intake/v1/receipts/$id")
    said=$(how "$receipt")
    [ "$said" = "$last" ] || echo "$said"
    last=$said
    for request in $(echo "$receipt" | jq -r '.open_requests[].id'); do
        post "$(echo "$receipt" | jq --arg agency "$agency" --arg request "$request" \
            --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '{
            specversion: "1.0", id: "\(.event_id)-answer-\($request)", source: "/agencies/\($agency)", time: $now,
            type: "pilots.agency.clarification-provided.v1", subject: .pilot,
            data: {request: $request, answers: [.open_requests[] | select(.id == $request) | .items[]
                | {item: .id, text: "По журналу регистратуры за март."}]}}')"
        echo "answered $request"
    done
    case $(echo "$receipt" | jq -r .status) in
        refused* | returned | withdrawn | stopped | lapsed | decided) exit 0 ;;
    esac
    sleep "$every"
done
