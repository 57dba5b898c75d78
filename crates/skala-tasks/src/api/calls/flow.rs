//! Tasks of several queues that wait for one another, in one call.

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use skala_queue::{After, NewTask, Parent, QueueId, QueueSettings, When};
use skala_types::Time;

use super::super::answer::Answer;
use super::super::problem::Problem;
use super::super::read::{FlowDoc, TaskDoc, parse};
use super::Asked;
use super::enqueue::{Names, many};

/// A flow, all or none. The answer's tasks are in this order: `tasks`, `chain`, `group`, `then`, `onFailure`.
pub(super) async fn flow(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    asked.parameters(&[])?;
    let received = asked.body(request).await?;
    let doc: FlowDoc<'_> = parse(&received.bytes)?;
    let default = doc.queue.as_ref().map(|name| asked.queue(&name.0)).transpose()?;
    let mut flow = Flow { asked, default, now: asked.tasks.clock().now().wall, names: Names::default(), tasks: Vec::new() };
    for task in &doc.tasks {
        flow.add(task, Vec::new())?;
    }
    let mut last = None;
    for task in &doc.chain {
        last = Some(flow.add(task, last.into_iter().map(|place| after(place, When::Done)).collect())?);
    }
    // A group after a chain begins when the chain is done.
    let before: Vec<After> = last.into_iter().map(|place| after(place, When::Done)).collect();
    let mut members = Vec::new();
    for task in &doc.group {
        members.push(flow.add(task, before.clone())?);
    }
    let ends: Vec<u16> = if members.is_empty() { last.into_iter().collect() } else { members };
    flow.close(doc.then.as_ref(), "then", &ends, When::Done, true)?;
    let all: Vec<u16> = (0..).take(flow.tasks.len() - usize::from(doc.then.is_some())).collect();
    flow.close(doc.on_failure.as_ref(), "onFailure", &all, When::Failed, false)?;
    let tasks = flow.tasks;
    many(asked, tasks).await
}

struct Flow<'a> {
    asked: &'a Asked<'a>,
    default: Option<(QueueId, Arc<QueueSettings>)>,
    now: Time,
    names: Names,
    tasks: Vec<NewTask>,
}

impl Flow<'_> {
    /// One more task, which waits for these beside those that it names; its place.
    fn add(&mut self, doc: &TaskDoc<'_>, after: Vec<After>) -> Result<u16, Problem> {
        let place = self.tasks.len();
        let at = |problem: Problem| problem.with("place", place);
        let queue = match (&doc.queue, &self.default) {
            (Some(name), _) => self.asked.queue(&name.0).map_err(at)?.0,
            (None, Some((queue, _))) => *queue,
            (None, None) => return Err(at(Problem::field("queue", "is missing, here and in the flow"))),
        };
        let mut task = doc.task(queue, self.now).map_err(at)?;
        let named = doc.after.iter().map(|a| self.names.after(a)).collect::<Result<Vec<_>, _>>().map_err(at)?;
        task.after = after.into_iter().chain(named).collect();
        self.names.add(doc, place).map_err(at)?;
        self.tasks.push(task);
        u16::try_from(place).map_err(|_| Problem::field("tasks", "are too many"))
    }

    /// The task that ends a flow.
    fn close(
        &mut self,
        doc: Option<&TaskDoc<'_>>,
        field: &str,
        ends: &[u16],
        when: When,
        with_results: bool,
    ) -> Result<(), Problem> {
        let Some(doc) = doc else { return Ok(()) };
        if ends.is_empty() {
            return Err(Problem::field(field, "there is nothing before it: state tasks, a chain or a group"));
        }
        let place = self.add(doc, ends.iter().map(|end| after(*end, when)).collect())?;
        if with_results {
            self.tasks[usize::from(place)].label.with_results = true;
        }
        Ok(())
    }
}

fn after(place: u16, when: When) -> After {
    After { task: Parent::Place(place), when }
}
