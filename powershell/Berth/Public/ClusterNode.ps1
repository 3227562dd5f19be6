# SPDX-License-Identifier: LGPL-2.1-or-later
# Hosts: list, pause, drain, resume; and the validation of the cluster.

function Get-ClusterNode {
    <#
    .SYNOPSIS
        Lists the hosts of the cluster.
    .DESCRIPTION
        Lists the hosts with their states: Up, Paused, Isolated, Quarantined or Down, and how a drain stands.
    .PARAMETER Name
        Only nodes of these names; wildcards are allowed.
    .PARAMETER InputObject
        Only the nodes of these groups, resources, VMs or clusters.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterNode
    .EXAMPLE
        Get-ClusterNode

        Lists all hosts.
    .EXAMPLE
        Get-ClusterNode | Where-Object State -ne Up | Format-List *

        What is known of hosts that are not up.
    #>
    [CmdletBinding()]
    [OutputType('Berth.ClusterNode')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $Name,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $InputObject) {
                $names = @($Name) + @($InputObject.OwnerNode, $InputObject.ComputerName | Where-Object { $_ }) | Where-Object { $_ }
                Select-BerthName $PSCmdlet @(Get-BerthItem $berth v1/nodes) $names name node 'no-such-node' |
                    ForEach-Object { ConvertTo-BerthNode $berth $_ }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $Name
        }
    }
}

function Suspend-ClusterNode {
    <#
    .SYNOPSIS
        Pauses hosts, and drains them.
    .DESCRIPTION
        Pauses a host: what runs there stays, and nothing new starts there. With -Drain, its VMs move to other hosts, as far as
        those have the GPUs. -Drain -WhatIf shows what would move where, and why a VM could not, as objects, and changes
        nothing.
    .PARAMETER Name
        The hosts; wildcards are allowed.
    .PARAMETER InputObject
        Nodes of Get-ClusterNode.
    .PARAMETER Drain
        Moves the VMs to other hosts.
    .PARAMETER ForceDrain
        With -Drain: stops VMs that no other host can run.
    .PARAMETER TargetNode
        Accepted; a warning says that it changes nothing: each VM moves to the best host.
    .PARAMETER Wait
        Waits until the drain has ended, with a progress bar. If VMs cannot move, that is an error that says why.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterNode; with -Drain -WhatIf: Berth.DrainPreview
    .EXAMPLE
        Suspend-ClusterNode -Name node1 -Drain -WhatIf

        Shows what would move where.
    .EXAMPLE
        Suspend-ClusterNode -Name node1 -Drain -Wait

        Drains node1 and waits until it is empty.
    .EXAMPLE
        Get-ClusterNode node1 | Suspend-ClusterNode -Drain -ForceDrain -AsJob

        Drains it in the background, and stops what no other host can run.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterNode', 'Berth.DrainPreview')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $Name,
        [Parameter(Position = 1)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string] $TargetNode,
        [switch] $Drain,
        [switch] $ForceDrain,
        [switch] $Wait,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [switch] $AsJob,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($TargetNode) {
            Write-BerthMeaningless $PSCmdlet TargetNode 'each VM moves to the host that suits it best'
        }
        if ($ForceDrain -and -not $Drain) {
            Write-BerthMeaningless $PSCmdlet ForceDrain 'without -Drain nothing moves'
        }
        $queue = New-BerthQueue
    }
    process {
        $body = @{ force = [bool] $ForceDrain }
        $given = $PSBoundParameters # the block below has its own
        Invoke-BerthNodeOrder $PSCmdlet $given {
            param($berth, [string] $node)
            if ($Drain) {
                Invoke-BerthDrain $PSCmdlet $berth $node $body $given $queue
            } elseif ($PSCmdlet.ShouldProcess($node, 'Pause')) {
                $answer = Invoke-BerthRest $berth POST (Format-BerthPath 'v1/nodes/{0}/pause' $node) $null $node
                $PSCmdlet.WriteVerbose($answer.message)
                Show-BerthNode $berth $node
            }
        }
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}

function Resume-ClusterNode {
    <#
    .SYNOPSIS
        Lets VMs start on hosts again.
    .DESCRIPTION
        Ends the pause, drain or quarantine of hosts. Whether VMs go back to hosts that they prefer is a setting of the
        cluster (failback); -Failback Immediate moves those that prefer a host back to it once, whatever the setting.
    .PARAMETER Name
        The hosts; wildcards are allowed.
    .PARAMETER InputObject
        Nodes of Get-ClusterNode.
    .PARAMETER Failback
        NoFailback (default): nothing is moved by this command. Immediate: VMs whose first preferred owner is this host are
        moved back to it. Policy: as the setting of the cluster says.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterNode
    .EXAMPLE
        Resume-ClusterNode -Name node1 -Failback Immediate

        Lets VMs start on node1 again, and moves those back that prefer it.
    .EXAMPLE
        Get-ClusterNode | Where-Object State -eq Paused | Resume-ClusterNode

        Resumes all paused hosts.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterNode')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $Name,
        [Parameter(Position = 1)]
        [ValidateSet('NoFailback', 'Immediate', 'Policy')]
        [string] $Failback = 'NoFailback',
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        Invoke-BerthNodeOrder $PSCmdlet $PSBoundParameters {
            param($berth, [string] $node)
            if ($PSCmdlet.ShouldProcess($node, 'Resume')) {
                $answer = Invoke-BerthRest $berth POST (Format-BerthPath 'v1/nodes/{0}/resume' $node) $null $node
                $PSCmdlet.WriteVerbose($answer.message)
                Invoke-BerthFailback $PSCmdlet $berth $node $Failback
                Show-BerthNode $berth $node
            }
        }
    }
}

function Test-Cluster {
    <#
    .SYNOPSIS
        Validates the cluster, and writes a report.
    .DESCRIPTION
        Checks hosts, GPUs, pools and VMs, writes the findings and what to do about them as a page of HTML, and returns the
        file. Findings that are not ok are in the verbose output, too; a warning says if there are failed ones.
    .PARAMETER Node
        Only findings about these hosts, and about no host.
    .PARAMETER ReportName
        The file to write. Default: a new one in the folder for temporary files.
    .PARAMETER List
        Lists the groups of checks, and writes no report.
    .PARAMETER Include
        Only these groups of checks; wildcards are allowed.
    .PARAMETER Ignore
        All groups of checks but these; wildcards are allowed.
    .PARAMETER InputObject
        Only findings about these nodes of Get-ClusterNode.
    .PARAMETER Disk
        Accepted; a warning says that it changes nothing: the disks of all VMs are checked.
    .PARAMETER Pool
        Accepted; a warning says that it changes nothing: all pools are checked.
    .PARAMETER Force
        Accepted: nothing is taken offline for the checks.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        System.IO.FileInfo; with -List: Berth.ValidationGroup
    .EXAMPLE
        Test-Cluster

        Validates the cluster and returns the report.
    .EXAMPLE
        Test-Cluster -Include GPUs, 'GPU pools' -ReportName ./gpus.html | Invoke-Item

        Checks GPUs and pools, and opens the report.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('System.IO.FileInfo', 'Berth.ValidationGroup')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $Node,
        [object[]] $Disk,
        [object[]] $Pool,
        [string] $ReportName,
        [switch] $List,
        [string[]] $Include,
        [string[]] $Ignore,
        [switch] $Force,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($Disk) { Write-BerthMeaningless $PSCmdlet Disk 'the disks of all VMs are checked' }
        if ($Pool) { Write-BerthMeaningless $PSCmdlet Pool 'all pools are checked' }
        $nodes = [System.Collections.Generic.List[string]]::new()
        $Node | Where-Object { $_ } | ForEach-Object { $nodes.Add($_) }
    }
    process {
        if ($InputObject.PSTypeNames -contains 'Berth.ClusterNode') {
            $nodes.Add($InputObject.Name)
        }
    }
    end {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $InputObject) {
                $known = @(Resolve-BerthNodeName $berth $nodes.ToArray())
                Write-Progress -Activity 'Validate the cluster' -Status $berth.Cluster
                $validation = Invoke-BerthRest $berth GET v1/validate
                Write-Progress -Activity 'Validate the cluster' -Completed
                $groups = @(Select-BerthFinding $PSCmdlet $validation $Include $Ignore $known)
                if ($List) {
                    $groups | ForEach-Object {
                        [pscustomobject] @{ PSTypeName = 'Berth.ValidationGroup'; Category = $_.name; Description = $_.about }
                    }
                    continue
                }
                $path = Get-BerthReportPath $PSCmdlet $berth $ReportName
                if ($PSCmdlet.ShouldProcess($path, 'Write the validation report')) {
                    ConvertTo-BerthReport $validation $groups | Set-Content -LiteralPath $path -Encoding utf8NoBOM -ErrorAction Stop
                    Write-BerthFinding $PSCmdlet $groups $path
                    Get-Item -LiteralPath $path
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $ReportName
        }
    }
}
