# SPDX-License-Identifier: LGPL-2.1-or-later
# How bad news is told: one error record, with category, target and what to do about it.

# What a refusal of the API asks for, in the words of this module. What is not in here is in the message itself.
$script:Advice = @{
    'not-stopped'    = 'Stop the VM with Stop-VM, then repeat the command.'
    'not-running'    = 'Start the VM with Start-VM; a stopped VM gets its node when it starts.'
    'cannot-save'    = 'Run: Get-ClusterResource -Name VM | Set-ClusterParameter -Name OfflineAction -Value 3'
    'in-pool'        = 'Take the GPU out of its pool first with Remove-VMHostAssignableDevice.'
    'in-use'         = 'Stop the VMs that use it with Stop-VM, and remove their assignment with Remove-VMAssignableDevice.'
    'cannot-join'    = 'Get-VMHostAssignableDevice lists the GPUs that can join a pool.'
    'which-model'    = 'Choose the GPUs with Where-Object, and add them with Add-VMHostAssignableDevice.'
    'no-gpu'         = 'Get-PnpDevice lists all GPUs; Dismount-VMHostAssignableDevice takes one from its host.'
    'no-such-vm'     = 'Get-VM lists the VMs; Add-ClusterVirtualMachineRole -DomainXmlPath FILE adds one.'
    'no-such-pool'   = 'Get-VMResourcePool lists the pools; New-VMResourcePool creates one.'
    'no-such-node'   = 'Get-ClusterNode lists the nodes.'
    'no-such-gpu'    = 'Get-PnpDevice lists the GPUs of all hosts.'
    'no-such-member' = 'Get-VMHostAssignableDevice -ResourcePoolName POOL lists the GPUs of a pool.'
    'not-assigned'   = 'Get-VMAssignableDevice -VMName VM lists what the VM is assigned.'
    'exists'         = 'Choose another name.'
    'partitioned'    = 'Make the card whole first: Set-VMHostPartitionableGpu -Name NAME -PartitionCount 0'
    'node-not-up'    = 'Choose another node, or resume this one with Resume-ClusterNode.'
    'login-needed'   = 'Connect again with Connect-Berth and a token or credential.'
    'bad-token'      = 'Create a token with "berth token add NAME --role ROLE" on a host, and connect again with Connect-Berth.'
    'login-failed'   = 'Check user and password, and connect again with Connect-Berth.'
    'no-cluster'     = 'Start berthd on a host, then repeat the command.'
    'store-down'     = 'Check that etcd runs, then repeat the command.'
}

$script:CategoryOfStatus = @{
    400 = 'InvalidArgument'; 401 = 'AuthenticationError'; 403 = 'PermissionDenied'; 404 = 'ObjectNotFound'
    405 = 'NotImplemented'; 409 = 'InvalidOperation'; 412 = 'ResourceBusy'; 413 = 'LimitsExceeded'
    422 = 'InvalidOperation'; 429 = 'LimitsExceeded'; 501 = 'NotImplemented'; 503 = 'ResourceUnavailable'
    504 = 'OperationTimeout'
}

# After these nothing of the command can succeed: they end it, whatever -ErrorAction says.
$script:Fatal = 'BerthUnreachable', 'BerthCertificate', 'BerthNotConnected', 'login-needed', 'bad-token', 'login-failed'

function New-BerthError {
    param([string] $Id, [string] $Message, [System.Management.Automation.ErrorCategory] $Category, $Target, [string] $Action,
        [object[]] $Reasons)
    $exception = [System.InvalidOperationException]::new($Message)
    $exception.Data['Reasons'] = $Reasons
    $record = [System.Management.Automation.ErrorRecord]::new($exception, $Id, $Category, $Target)
    $record.ErrorDetails = [System.Management.Automation.ErrorDetails]::new($Message)
    $record.ErrorDetails.RecommendedAction = $Action
    $record
}

# The refusal that the API answered, as an error record.
function ConvertTo-BerthError {
    param([int] $Status, [string] $Text, $Target)
    $answer = try { $Text | ConvertFrom-Json -ErrorAction Stop } catch { $null }
    $code = if ($answer.code) { $answer.code } else { "http-$Status" }
    $message = if ($answer.message) { $answer.message } else { "berth-api answered with status $Status" }
    $category = $script:CategoryOfStatus[$Status]
    if ($code -eq 'exists') {
        $category = 'ResourceExists'
    }
    # The first of those GPUs is named in the message.
    $others = @($answer.reasons | Where-Object { $_.text } | Select-Object -Skip ([int] ($code -eq 'cannot-join')))
    foreach ($reason in $others) {
        $message += "`n  $($reason.subject) $($reason.text)"
    }
    $action = if ($script:Advice.ContainsKey($code)) { $script:Advice[$code] } else { 'See the message.' }
    New-BerthError $code $message ($category ?? 'InvalidResult') $Target $action @($answer.reasons)
}

# Hands a caught error to the caller of the cmdlet: it ends the command if nothing more can succeed, and else the
# command goes on with the next of its objects.
function Write-BerthFailure {
    param($Command, [System.Management.Automation.ErrorRecord] $Record, $Target)
    if ($null -eq $Record.TargetObject -and $null -ne $Target) {
        $details = $Record.ErrorDetails
        $Record = [System.Management.Automation.ErrorRecord]::new(
            $Record.Exception, ($Record.FullyQualifiedErrorId -split ',')[0], $Record.CategoryInfo.Category, $Target)
        $Record.ErrorDetails = $details
    }
    if (($Record.FullyQualifiedErrorId -split ',')[0] -in $script:Fatal) {
        $Command.ThrowTerminatingError($Record)
    }
    $Command.WriteError($Record)
}
