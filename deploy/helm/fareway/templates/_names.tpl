{{- define "fareway.name" -}}
{{- if contains "fareway" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-fareway" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "fareway.selector" -}}
app.kubernetes.io/name: fareway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fareway.labels" -}}
{{ include "fareway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "fareway.config" -}}
{{- $server := dict "host" "0.0.0.0" "port" 4000 "drain" (printf "%ds" (int .Values.stop.drain)) }}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) (dict "server" $server)) }}
{{- end }}
