# SPDX-License-Identifier: LGPL-2.1-or-later
# The cluster, its groups and resources. A VM is one group and one resource here.

function Get-Cluster {
    <#
    .SYNOPSIS
        Shows the clusters that there are connections to.
    .DESCRIPTION
        Shows the cluster of each connection: its coordinator, its hosts, and how many of them it can lose.
    .PARAMETER Name
        Only clusters of this name; wildcards are allowed.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.Cluster
    .EXAMPLE
        Get-Cluster

        Shows the cluster.
    #>
    [CmdletBinding()]
    [OutputType('Berth.Cluster')]
    param(
        [Parameter(Position = 0)]
        [string] $Name = '*',
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    try {
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            $status = Invoke-BerthRest $berth GET v1/status
            if ($status.name -like $Name) {
                [pscustomobject] @{
                    PSTypeName = 'Berth.Cluster'; Name = $status.name; Coordinator = $status.coordinator
                    Nodes = @($status.nodes.name); Pools = @($status.pools.name | Where-Object { $_ })
                    SurvivableHostLosses = $status.survival.losses; ClusterSession = $berth.Name
                }
            }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ $Name
    }
}

function Get-ClusterResource {
    <#
    .SYNOPSIS
        Lists the resources of the cluster: one for each VM.
    .DESCRIPTION
        Lists the VMs as cluster resources. The resource of a VM V is called "Virtual Machine V"; -Name takes V, too.
    .PARAMETER Name
        Only resources of these names, or of VMs of these names; wildcards are allowed.
    .PARAMETER VMId
        Only the resource of the VM with this ID.
    .PARAMETER InputObject
        Only resources of these groups, VMs or nodes.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterResource
    .EXAMPLE
        Get-ClusterResource -Name train1 | Set-ClusterParameter -Name OfflineAction -Value 3

        Sets the offline action of a VM to force-shutdown.
    .EXAMPLE
        Get-ClusterResource | Where-Object OfflineAction -ne 3

        The VMs with another offline action.
    #>
    [CmdletBinding()]
    [OutputType('Berth.ClusterResource')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName resource @args })]
        [string[]] $Name,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [guid] $VMId,
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
                foreach ($vm in Select-BerthGroup $PSCmdlet $berth $PSBoundParameters) {
                    ConvertTo-BerthResource $berth $vm
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $Name
        }
    }
}

function Get-ClusterParameter {
    <#
    .SYNOPSIS
        Shows the parameters of cluster resources.
    .DESCRIPTION
        Shows what Set-ClusterParameter can set.
    .PARAMETER InputObject
        Resources, groups or VMs, as Get-ClusterResource and its siblings return them.
    .PARAMETER Name
        Only these parameters; wildcards are allowed.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterParameter
    .EXAMPLE
        Get-ClusterResource train1 | Get-ClusterParameter OfflineAction

        The offline action of a VM.
    #>
    [CmdletBinding()]
    [OutputType('Berth.ClusterParameter')]
    param(
        [Parameter(Mandatory, ValueFromPipeline)]
        [psobject] $InputObject,
        [Parameter(Position = 0)]
        [string[]] $Name = @('*'),
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
                $vm = Get-BerthVMWhole $berth (Get-BerthVMName $InputObject)
                Get-BerthClusterParameter $PSCmdlet $berth $vm $Name
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InputObject
        }
    }
}

function Set-ClusterParameter {
    <#
    .SYNOPSIS
        Sets parameters of cluster resources, such as the offline action of a VM.
    .DESCRIPTION
        Sets parameters of VMs: OfflineAction (0 turn off, 1 save, 2 shut down, 3 force shutdown), OfflineTimeout (seconds that
        a guest has for its shutdown) and Priority (as on Windows: 3000 high, 2000 medium, 1000 low, 0 no auto start). Save is
        refused while the VM is assigned GPUs.
    .PARAMETER InputObject
        Resources, groups or VMs, as Get-ClusterResource and its siblings return them.
    .PARAMETER Name
        The parameter.
    .PARAMETER Value
        Its value. An offline action can be given by number or by name.
    .PARAMETER Multiple
        Parameters and their values as a table; they are set together.
    .PARAMETER Create
        Accepted; a warning says that it changes nothing.
    .PARAMETER Delete
        Accepted; a warning says that it changes nothing.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Get-ClusterResource -Name train1 | Set-ClusterParameter -Name OfflineAction -Value 3

        Moves and drains shut the guest down, and turn it off if it does not go.
    .EXAMPLE
        Get-ClusterResource | Set-ClusterParameter -Multiple @{ OfflineAction = 3; OfflineTimeout = 120 }

        Sets two parameters of all VMs.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Single')]
    param(
        [Parameter(Mandatory, ValueFromPipeline)]
        [psobject] $InputObject,
        [Parameter(ParameterSetName = 'Single', Mandatory, Position = 0)]
        [ArgumentCompleter({ 'OfflineAction', 'OfflineTimeout', 'Priority' -like "$($args[2])*" })]
        [string] $Name,
        [Parameter(ParameterSetName = 'Single', Mandatory, Position = 1)]
        [psobject] $Value,
        [Parameter(ParameterSetName = 'Multiple', Mandatory, Position = 0)]
        [hashtable] $Multiple,
        [switch] $Create,
        [switch] $Delete,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        foreach ($switch in 'Create', 'Delete' | Where-Object { $PSBoundParameters[$_] }) {
            Write-BerthMeaningless $PSCmdlet $switch 'a VM always has the same parameters'
        }
        $values = if ($Multiple) { $Multiple } else { @{ $Name = $Value } }
        $body = ConvertTo-BerthPolicy $PSCmdlet $values
    }
    process {
        if ($Delete -or $body.Count -eq 0) {
            return
        }
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $InputObject) {
                foreach ($each in Resolve-BerthVMName $berth @($InputObject)) {
                    $what = ($values.GetEnumerator() | ForEach-Object { "$($_.Key) = $($_.Value)" }) -join ', '
                    if ($PSCmdlet.ShouldProcess($each, "Set $what")) {
                        $answer = Invoke-BerthRest $berth PATCH (Format-BerthPath 'v1/vms/{0}' $each) $body $each
                        $PSCmdlet.WriteVerbose($answer.message)
                    }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InputObject
        }
    }
}

function Add-ClusterVirtualMachineRole {
    <#
    .SYNOPSIS
        Makes a VM a VM of the cluster.
    .DESCRIPTION
        Every VM that Berth has is clustered: for those the command returns the group and says so in its verbose output. With
        -DomainXmlPath, adds a VM from libvirt domain XML.
    .PARAMETER VMName
        The VM.
    .PARAMETER VirtualMachine
        The VM, as Windows has it in another parameter.
    .PARAMETER VMId
        The ID of the VM.
    .PARAMETER InputObject
        VMs of Get-VM.
    .PARAMETER Name
        The name of the group. A group is called like its VM; another name changes nothing and gives a warning.
    .PARAMETER DomainXmlPath
        A file with libvirt domain XML, without any GPU in it. The VM is added under -VMName, or the name in the file.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterGroup
    .EXAMPLE
        Add-ClusterVirtualMachineRole -VMName train1

        Returns the group of train1, which is clustered already.
    .EXAMPLE
        Add-ClusterVirtualMachineRole -DomainXmlPath ./train1.xml

        Adds a VM to the cluster.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterGroup')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string] $VMName,
        [Alias('VM')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string] $VirtualMachine,
        [guid] $VMId,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [string] $Name,
        [string] $DomainXmlPath,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        $target = @($VMName, $VirtualMachine | Where-Object { $_ }) | Select-Object -First 1
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $InputObject) {
                if ($DomainXmlPath) {
                    Add-BerthVM $PSCmdlet $berth $target ($PSCmdlet.GetUnresolvedProviderPathFromPSPath($DomainXmlPath))
                    continue
                }
                $targets = if ($target) { @($target) } else { @($InputObject) }
                $names = @(Resolve-BerthVMName $berth $targets @($VMId | Where-Object { $_ }))
                if (-not $names) {
                    throw (New-BerthError 'NoVM' 'Give the VM with -VMName.' 'InvalidArgument' $null 'Get-VM lists the VMs.')
                }
                foreach ($each in $names) {
                    $whole = Get-BerthVMWhole $berth $each
                    if ($Name -and $Name -ne $each) {
                        Write-BerthMeaningless $PSCmdlet Name "the group of a VM is called like the VM, $each"
                    }
                    $PSCmdlet.WriteVerbose("Every VM of Berth is clustered: $each needs nothing.")
                    ConvertTo-BerthGroup $berth $whole
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ ($target ?? $InputObject)
        }
    }
}

function Get-ClusterGroup {
    <#
    .SYNOPSIS
        Lists the groups of the cluster: one for each VM.
    .DESCRIPTION
        Lists the VMs as clustered roles, with their node and state.
    .PARAMETER Name
        Only groups of these names; wildcards are allowed.
    .PARAMETER VMId
        Only the group of the VM with this ID.
    .PARAMETER InputObject
        Only groups on these nodes, or of these VMs or resources.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterGroup
    .EXAMPLE
        Get-ClusterGroup

        Lists all groups.
    .EXAMPLE
        Get-ClusterNode node1 | Get-ClusterGroup

        The groups on node1.
    #>
    [CmdletBinding()]
    [OutputType('Berth.ClusterGroup')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [guid] $VMId,
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
                foreach ($vm in Select-BerthGroup $PSCmdlet $berth $PSBoundParameters) {
                    ConvertTo-BerthGroup $berth $vm
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $Name
        }
    }
}

function Start-ClusterGroup {
    <#
    .SYNOPSIS
        Starts the VMs of groups.
    .DESCRIPTION
        Starts VMs on whatever host has the GPUs they need, and waits until they run.
    .PARAMETER Name
        The groups; wildcards are allowed.
    .PARAMETER InputObject
        Groups, resources or VMs.
    .PARAMETER Wait
        Seconds to wait. 0: does not wait. Default: 300.
    .PARAMETER IgnoreLocked
        Accepted; a warning says that it changes nothing: no group is ever locked.
    .PARAMETER ChooseBestNode
        Accepted: the best node is always chosen.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterGroup
    .EXAMPLE
        Start-ClusterGroup -Name train1

        Starts train1 and waits until it runs.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterGroup')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [ValidateRange(0, 86400)]
        [int] $Wait = 300,
        [switch] $IgnoreLocked,
        [switch] $ChooseBestNode,
        [switch] $AsJob,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($IgnoreLocked) { Write-BerthMeaningless $PSCmdlet IgnoreLocked 'no group is ever locked' }
        $queue = New-BerthQueue
    }
    process {
        Invoke-BerthGroupOrder $PSCmdlet $PSBoundParameters $queue start 'Start' @{} $Wait
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}

function Stop-ClusterGroup {
    <#
    .SYNOPSIS
        Stops the VMs of groups.
    .DESCRIPTION
        Stops VMs as their offline action says, and waits until they are off.
    .PARAMETER Name
        The groups; wildcards are allowed.
    .PARAMETER InputObject
        Groups, resources or VMs.
    .PARAMETER Wait
        Seconds to wait. 0: does not wait. Default: 300.
    .PARAMETER IgnoreLocked
        Accepted; a warning says that it changes nothing: no group is ever locked.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterGroup
    .EXAMPLE
        Stop-ClusterGroup -Name train1

        Stops train1.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterGroup')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [ValidateRange(0, 86400)]
        [int] $Wait = 300,
        [switch] $IgnoreLocked,
        [switch] $AsJob,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($IgnoreLocked) { Write-BerthMeaningless $PSCmdlet IgnoreLocked 'no group is ever locked' }
        $queue = New-BerthQueue
    }
    process {
        Invoke-BerthGroupOrder $PSCmdlet $PSBoundParameters $queue stop 'Stop' @{ force = $false } $Wait
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}

function Move-ClusterVirtualMachineRole {
    <#
    .SYNOPSIS
        Moves a running VM to another node.
    .DESCRIPTION
        Stops a VM on its node and starts it on another one that has the GPUs it needs, and waits until it runs there. A VM
        with GPUs is not migrated live. How it is stopped is its offline action (Set-ClusterParameter).
    .PARAMETER Name
        The group or VM.
    .PARAMETER Node
        The node to move it to. Default: the best other one.
    .PARAMETER MigrationType
        How it is stopped: TurnOff, Shutdown or ShutdownForce. If the offline action of the VM is another, the command says so
        in a warning and applies the offline action. Live and Quick are errors: a VM with GPUs can do neither.
    .PARAMETER InputObject
        Groups, resources or VMs.
    .PARAMETER VMId
        The ID of the VM.
    .PARAMETER Wait
        Seconds to wait. 0: does not wait. Default: 300.
    .PARAMETER Cancel
        A move that has begun is not cancelled: an error, and nothing is changed.
    .PARAMETER IgnoreLocked
        Accepted; a warning says that it changes nothing: no group is ever locked.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Cluster
        The name of the cluster, of its connection, or a host of it. "." is the newest connection.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ClusterGroup
    .EXAMPLE
        Move-ClusterVirtualMachineRole -Name train1 -Node node2 -MigrationType ShutdownForce

        Moves train1 to node2.
    .EXAMPLE
        Get-ClusterNode node1 | Get-ClusterGroup | Move-ClusterVirtualMachineRole

        Moves all VMs of node1 to the best other nodes.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ClusterGroup')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string] $Name,
        [Parameter(Position = 1)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string] $Node,
        [ValidateSet('TurnOff', 'Quick', 'Shutdown', 'ShutdownForce', 'Live')]
        [string] $MigrationType,
        [Parameter(ValueFromPipeline)]
        [psobject] $InputObject,
        [guid] $VMId,
        [ValidateRange(0, 86400)]
        [int] $Wait = 300,
        [switch] $Cancel,
        [switch] $IgnoreLocked,
        [switch] $AsJob,
        [string] $Cluster,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($IgnoreLocked) { Write-BerthMeaningless $PSCmdlet IgnoreLocked 'no group is ever locked' }
        if ($Cancel) {
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'NotCancelled' 'A move that has begun is not cancelled.' 'NotImplemented' `
                        $Name 'Wait for its end and move the VM back.'))
        }
        if ($MigrationType -in 'Live', 'Quick') {
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'cannot-migrate' `
                        "A VM with GPUs cannot be moved by -MigrationType $MigrationType`: its state cannot leave the GPU." 'InvalidArgument' `
                        $MigrationType 'Leave -MigrationType out, or give TurnOff, Shutdown or ShutdownForce.'))
        }
        $queue = New-BerthQueue
    }
    process {
        Invoke-BerthGroupOrder $PSCmdlet $PSBoundParameters $queue move 'Move' @{} $Wait
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}
